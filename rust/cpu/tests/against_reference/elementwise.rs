//! Every row of the operation table, and every cast.

use tenfold_ir::{Buffer, DType, Expr, Operand, Operation};

use crate::common::{Draw, any_number, check_map, operand, report};

#[test]
fn every_operation_in_every_dtype() {
    let (mut draw, mut failures) = (Draw(1), Vec::new());
    for &operation in Operation::ALL {
        for dtype in DType::ALL {
            let Ok(signature) = operation.signature(dtype) else { continue };
            if signature.arguments[operation.arity() - 1] != dtype {
                continue;
            }
            let operands: Vec<(Operand, Buffer)> = signature
                .arguments
                .iter()
                .zip(operation.row().domain)
                .map(|(&dtype, &(low, high))| {
                    // More than long steps are called for at a time.
                    operand(&mut draw, dtype, &[11, 29], &mut any_number(dtype, low, high))
                })
                .collect();
            let mut expr = Expr::new();
            let arguments: Vec<u16> = operands
                .iter()
                .enumerate()
                .map(|(i, operand)| expr.load(i as u16, operand.0.dtype))
                .collect();
            let result = expr.apply(operation, &arguments);
            expr.output(result);
            let before = failures.len();
            check_map(expr, operands, &mut failures);
            for failure in &mut failures[before..] {
                *failure = format!("{} {failure}", operation.name());
            }
        }
    }
    report(failures);
}

#[test]
fn every_cast() {
    let (mut draw, mut failures) = (Draw(2), Vec::new());
    for from in DType::ALL {
        for to in DType::ALL {
            let given = operand(&mut draw, from, &[5, 41], &mut any_number(from, -300.0, 300.0));
            let mut expr = Expr::new();
            let loaded = expr.load(0, from);
            let result = expr.cast(loaded, to);
            expr.output(result);
            check_map(expr, vec![given], &mut failures);
        }
    }
    report(failures);
}
