//! Products of tensors over chosen axes.

use tenfold_ir::{Axes, Error, Result, Shape, broadcast_shapes, normalize_axis, promote_types};

use super::Tensor;

/// A label of an axis in an einsum equation: a letter, or an axis of the ellipsis counted from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    Ellipsis(usize),
    Letter(char),
}

/// A tensor with a name for each axis.
#[derive(Clone)]
struct Labelled {
    tensor: Tensor,
    labels: Vec<Label>,
}

/// The labels of one operand as written: letters, and the place of an ellipsis.
struct Term {
    letters: Vec<char>,
    ellipsis: Option<usize>,
}

fn parse_term(equation: &str, text: &str) -> Result<Term> {
    let wrong = |what: String| Error::value("einsum", format!("{what} in {equation:?}"));
    let (head, tail, ellipsis) = match text.split_once("...") {
        Some((head, tail)) => (head, tail, Some(head.chars().count())),
        None => (text, "", None),
    };
    let letters: Vec<char> = head.chars().chain(tail.chars()).collect();
    match letters.iter().find(|letter| !letter.is_ascii_alphabetic()) {
        Some(letter) => Err(wrong(format!("{letter:?} is not a letter"))),
        None => Ok(Term { letters, ellipsis }),
    }
}

impl Term {
    /// One label an axis, for a tensor of `rank` axes.
    fn labels(&self, equation: &str, rank: usize) -> Result<Vec<Label>> {
        let wrong = || {
            Error::shape(
                "einsum",
                format!("{} labels for a tensor with {rank} axes in {equation:?}", self.letters.len()),
            )
        };
        let dots = rank.checked_sub(self.letters.len()).ok_or_else(wrong)?;
        if self.ellipsis.is_none() && dots != 0 {
            return Err(wrong());
        }
        let mut labels: Vec<Label> = self.letters.iter().copied().map(Label::Letter).collect();
        let place = self.ellipsis.unwrap_or(0);
        labels.splice(place..place, (0..dots).rev().map(Label::Ellipsis));
        Ok(labels)
    }
}

impl Labelled {
    /// With axes of one label replaced by their diagonal.
    fn diagonals(mut self) -> Result<Labelled> {
        let mut axis = 0;
        while axis < self.labels.len() {
            let label = self.labels[axis];
            match self.labels[axis + 1..].iter().position(|&other| other == label) {
                None => axis += 1,
                Some(distance) => {
                    let other = axis + 1 + distance;
                    let (a, b) = (self.tensor.shape()[axis], self.tensor.shape()[other]);
                    if a != b {
                        return Err(Error::shape(
                            "einsum",
                            format!("a repeated label has extents {a} and {b}; got {}", self.tensor.shape()),
                        ));
                    }
                    self.tensor = self.tensor.diagonal(0, axis as i64, other as i64)?;
                    self.labels.remove(other);
                    self.labels.remove(axis);
                    self.labels.push(label);
                }
            }
        }
        Ok(self)
    }

    /// Summed over the labels that `keep` refuses.
    fn summed(self, keep: impl Fn(Label) -> bool) -> Result<Labelled> {
        let axes: Axes = (0..self.labels.len()).filter(|&axis| !keep(self.labels[axis])).collect();
        Ok(Labelled {
            tensor: self.tensor.sum_axes(&axes)?,
            labels: self.labels.into_iter().filter(|&label| keep(label)).collect(),
        })
    }

    fn extent(&self, label: Label) -> Option<usize> {
        self.labels.iter().position(|&own| own == label).map(|axis| self.tensor.shape()[axis])
    }

    /// The axes in the order of `labels`; those that are missing get extent 1.
    fn arranged(&self, labels: &[Label]) -> Result<Tensor> {
        let order: Axes =
            labels.iter().filter_map(|label| self.labels.iter().position(|own| own == label)).collect();
        let mut tensor = self.tensor.permuted(&order)?;
        for (axis, label) in labels.iter().enumerate() {
            if !self.labels.contains(label) {
                tensor = tensor.unsqueeze(axis as i64)?;
            }
        }
        Ok(tensor)
    }

    /// The product with `other`, summed over the labels that `keep` refuses.
    fn times(self, other: Labelled, keep: impl Fn(Label) -> bool) -> Result<Labelled> {
        // What only one of them has, nobody needs, can be summed before.
        let (a, b) = (
            self.clone().summed(|label| keep(label) || other.labels.contains(&label))?,
            other.clone().summed(|label| keep(label) || self.labels.contains(&label))?,
        );
        let both = |label: &Label| b.labels.contains(label);
        let batch: Vec<Label> =
            a.labels.iter().copied().filter(|label| both(label) && keep(*label)).collect();
        let inner: Vec<Label> =
            a.labels.iter().copied().filter(|label| both(label) && !keep(*label)).collect();
        let rows: Vec<Label> = a.labels.iter().copied().filter(|label| !both(label)).collect();
        let columns: Vec<Label> =
            b.labels.iter().copied().filter(|label| !a.labels.contains(label)).collect();
        let labels: Vec<Label> = [&batch[..], &rows, &columns].concat();
        if inner.is_empty() {
            return Ok(Labelled { tensor: a.arranged(&labels)?.multiply(&b.arranged(&labels)?)?, labels });
        }
        // An extent of 1 beside a larger one broadcasts.
        let extent = |label: &Label| match (a.extent(*label), b.extent(*label)) {
            (Some(1), Some(extent)) | (Some(extent), _) | (None, Some(extent)) => extent,
            (None, None) => 1,
        };
        let extents = |labels: &[Label]| labels.iter().map(extent).collect::<Vec<usize>>();
        let matrix = |operand: &Labelled, first: &[Label], second: &[Label]| -> Result<Tensor> {
            let order = [&batch[..], first, second].concat();
            let full: Shape = extents(&order).into_iter().collect();
            let tensor = operand.arranged(&order)?.broadcast(&full).expect("extents were made to fit");
            let shape =
                [extents(&batch), vec![extents(first).iter().product(), extents(second).iter().product()]];
            tensor.reshaped(&shape.concat().into_iter().collect())
        };
        let product = matrix(&a, &rows, &inner)?.matmul(&matrix(&b, &inner, &columns)?)?;
        let tensor = product.reshaped(&extents(&labels).into_iter().collect())?;
        Ok(Labelled { tensor, labels })
    }
}

impl Tensor {
    /// The sum of products that an equation describes (Einstein's convention): a letter for each axis of each operand,
    /// and after `->` those of the result; letters that the result lacks are summed over. Without `->` the result has
    /// the letters that appear once, in alphabetical order. `...` stands for axes that broadcast.
    ///
    /// Operands are multiplied from left to right. Errors: a malformed equation (`Value`), extents that do not fit
    /// (`Shape`).
    ///
    /// ```
    /// use tenfold::Tensor;
    /// let x = Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0], &[2, 2])?;
    /// assert_eq!(Tensor::einsum("ij,jk->ik", &[&x, &x])?.to_vec::<f32>()?, [7.0, 10.0, 15.0, 22.0]);
    /// assert_eq!(Tensor::einsum("ii", &[&x])?.to_vec::<f32>()?, [5.0]);
    /// # Ok::<(), tenfold::Error>(())
    /// ```
    pub fn einsum(equation: &str, operands: &[&Tensor]) -> Result<Tensor> {
        let name = "einsum";
        let compact: String = equation.chars().filter(|letter| !letter.is_whitespace()).collect();
        let (inputs, output) = match compact.split_once("->") {
            Some((inputs, output)) => (inputs, Some(output)),
            None => (compact.as_str(), None),
        };
        let terms: Vec<Term> =
            inputs.split(',').map(|text| parse_term(equation, text)).collect::<Result<_>>()?;
        if terms.len() != operands.len() || operands.is_empty() {
            return Err(Error::value(
                name,
                format!("{equation:?} names {} operands; got {}", terms.len(), operands.len()),
            ));
        }
        let mut dtype = operands[0].dtype();
        for operand in operands {
            dtype = promote_types(dtype, operand.dtype()).map_err(|error| error.in_operation(name))?;
        }
        let mut labelled = Vec::with_capacity(operands.len());
        for (term, operand) in terms.iter().zip(operands) {
            let labels = term.labels(equation, operand.rank())?;
            labelled.push(Labelled { tensor: operand.cast(dtype)?, labels }.diagonals()?);
        }
        check_extents(equation, &labelled)?;

        let dots = labelled
            .iter()
            .flat_map(|operand| &operand.labels)
            .filter_map(|label| match label {
                Label::Ellipsis(number) => Some(number + 1),
                Label::Letter(_) => None,
            })
            .max()
            .unwrap_or(0);
        let result = match output {
            Some(text) => {
                let term = parse_term(equation, text)?;
                let shown = if term.ellipsis.is_some() { dots } else { 0 };
                let labels = term.labels(equation, term.letters.len() + shown)?;
                for (place, label) in labels.iter().enumerate() {
                    let known = labelled.iter().any(|operand| operand.labels.contains(label));
                    if !known || labels[..place].contains(label) {
                        let what = if known { "appears twice" } else { "is in no operand" };
                        return Err(Error::value(
                            name,
                            format!("a label of the result {what} in {equation:?}"),
                        ));
                    }
                }
                labels
            }
            None => {
                let letters: Vec<char> = terms.iter().flat_map(|term| term.letters.clone()).collect();
                let once = |letter: &char| letters.iter().filter(|&other| other == letter).count() == 1;
                let mut single: Vec<char> = letters.iter().copied().filter(once).collect();
                single.sort_unstable();
                (0..dots).rev().map(Label::Ellipsis).chain(single.into_iter().map(Label::Letter)).collect()
            }
        };

        let mut rest = labelled.into_iter();
        let mut product = rest.next().expect("at least one operand");
        while let Some(next) = rest.next() {
            let later: Vec<Labelled> = rest.as_slice().to_vec();
            let keep = |label: Label| {
                result.contains(&label) || later.iter().any(|operand| operand.labels.contains(&label))
            };
            product = product.times(next, keep)?;
        }
        product.summed(|label| result.contains(&label))?.arranged(&result)
    }

    /// Products of the elements of two tensors summed over pairs of axes: `axes.0` of this one with `axes.1` of the
    /// other. The result has the other axes of this one, then those of the other.
    pub fn tensordot(&self, other: &Tensor, axes: (&[i64], &[i64])) -> Result<Tensor> {
        let name = "tensordot";
        if axes.0.len() != axes.1.len() {
            return Err(Error::value(
                name,
                format!("needs as many axes of both tensors; got {:?} and {:?}", axes.0, axes.1),
            ));
        }
        let dtype = promote_types(self.dtype(), other.dtype()).map_err(|error| error.in_operation(name))?;
        let normalized = |tensor: &Tensor, axes: &[i64]| -> Result<Axes> {
            tenfold_ir::normalize_axes(name, axes, tensor.rank())?;
            axes.iter().map(|&axis| normalize_axis(name, axis, tensor.rank())).collect()
        };
        let (of_a, of_b) = (normalized(self, axes.0)?, normalized(other, axes.1)?);
        for (&a, &b) in of_a.iter().zip(&of_b) {
            if self.shape()[a] != other.shape()[b] {
                return Err(Error::shape(
                    name,
                    format!(
                        "axis {a} of {} and axis {b} of {} differ in extent",
                        self.shape(),
                        other.shape()
                    ),
                ));
            }
        }
        let free = |tensor: &Tensor, used: &Axes| -> Axes {
            (0..tensor.rank()).filter(|axis| !used.contains(axis)).collect()
        };
        let (free_a, free_b) = (free(self, &of_a), free(other, &of_b));
        let count =
            |tensor: &Tensor, axes: &Axes| axes.iter().map(|&axis| tensor.shape()[axis]).product::<usize>();
        let (rows, inner, columns) = (count(self, &free_a), count(self, &of_a), count(other, &free_b));
        let a_order: Axes = free_a.iter().chain(&of_a).copied().collect();
        let b_order: Axes = of_b.iter().chain(&free_b).copied().collect();
        let a = self.cast(dtype)?.permuted(&a_order)?.reshaped(&Shape::from([rows, inner]))?;
        let b = other.cast(dtype)?.permuted(&b_order)?.reshaped(&Shape::from([inner, columns]))?;
        let extents_a = free_a.iter().map(|&axis| self.shape()[axis]);
        let extents_b = free_b.iter().map(|&axis| other.shape()[axis]);
        a.matmul(&b)
            .map_err(|error| error.in_operation(name))?
            .reshaped(&extents_a.chain(extents_b).collect())
    }

    /// `Σ conj(self) · other` along an axis of both (counted in the broadcast shape); the other axes broadcast.
    pub fn vecdot(&self, other: &Tensor, axis: i64) -> Result<Tensor> {
        let name = "vecdot";
        let extent =
            |tensor: &Tensor| normalize_axis(name, axis, tensor.rank()).map(|axis| tensor.shape()[axis]);
        if extent(self)? != extent(other)? {
            return Err(Error::shape(
                name,
                format!("extents differ along axis {axis}; got {} and {}", self.shape(), other.shape()),
            ));
        }
        let (a, b) = (self.move_axis(axis, -1)?, other.move_axis(axis, -1)?);
        let a = if a.dtype().is_complex() { a.conj()? } else { a };
        a.unsqueeze(-2)?
            .matmul(&b.unsqueeze(-1)?)
            .map_err(|error| error.in_operation(name))?
            .squeeze(&[-2, -1])
    }

    /// The products of each element of one axis with each of another: `(n)` and `(m)` give `(n, m)`.
    pub fn outer(&self, other: &Tensor) -> Result<Tensor> {
        if self.rank() != 1 || other.rank() != 1 {
            return Err(Error::shape(
                "outer",
                format!("takes tensors with one axis; got {} and {}", self.shape(), other.shape()),
            ));
        }
        self.unsqueeze(1)?.multiply(&other.unsqueeze(0)?)
    }

    /// The last two axes exchanged.
    pub fn matrix_transpose(&self) -> Result<Tensor> {
        if self.rank() < 2 {
            return Err(Error::shape(
                "matrix_transpose",
                format!("needs at least two axes; got shape {}", self.shape()),
            ));
        }
        self.transpose(-2, -1)
    }
}

/// An error unless the extents of each label are equal or 1.
fn check_extents(equation: &str, operands: &[Labelled]) -> Result<()> {
    let labels = operands.iter().flat_map(|operand| operand.labels.iter().copied());
    for label in labels {
        let shapes: Vec<Shape> = operands
            .iter()
            .filter_map(|operand| operand.extent(label))
            .map(|extent| Shape::from([extent]))
            .collect();
        broadcast_shapes("einsum", shapes.iter()).map_err(|_| {
            let shapes: Vec<String> =
                operands.iter().map(|operand| operand.tensor.shape().to_string()).collect();
            let label = match label {
                Label::Letter(letter) => letter.to_string(),
                Label::Ellipsis(_) => "...".into(),
            };
            Error::shape(
                "einsum",
                format!("extents of {label:?} differ in {equation:?}; got shapes {}", shapes.join(" and ")),
            )
        })?;
    }
    Ok(())
}
