//! The recurrent weights, packed once for all time steps, and their product with the rows of a step.

use tenfold_ir::Result;

use super::{RecurrentElement, numbers_of, scratch};
use crate::backend::disjoint::Disjoint;
use crate::gemm::blocks::depth_blocks;
use crate::gemm::micro_kernel::{LineKernel, MicroKernels, ROW_VECTORS, Tile};
use crate::gemm::pack::{Source, Strided};
use crate::gemm::parts::BYTES_PER_NANOSECOND;
use crate::gemm::unpacked::line_product;
use crate::memory::HostBuffer;
use crate::threads::for_each_chunk;

/// Work of a chunk of columns that is worth handing to a helper, in ns.
const CHUNK_NANOSECONDS: u64 = 5_000;

/// Floating-point operations that a thread does in a nanosecond, about.
const FLOPS: u64 = 50;

/// A matrix as panels of columns: step `s`, column `c` of a panel of width w lies at `s · w + c`.
pub struct Weights<T: 'static> {
    kernels: &'static MicroKernels<T>,
    panels: Panels<T>,
    depth: usize,
    columns: usize,
    /// Vectors in a row of a panel.
    vectors: usize,
}

/// Where panels are read.
enum Panels<T: 'static> {
    Packed(HostBuffer),
    /// In the weights themselves, for a single row.
    InPlace(LineKernel<T>, Strided<T>),
}

// SAFETY: the source is only read, and whoever made the weights keeps it alive and unwritten meanwhile.
unsafe impl<T: Sync> Sync for Panels<T> {}

impl<T: RecurrentElement> Weights<T> {
    /// Packs `(depth, columns)`. There will be so many products, of at most `rows` rows.
    ///
    /// # Safety
    /// The source holds the matrix as long as the weights are used.
    pub unsafe fn pack(
        source: Strided<T>,
        (depth, columns): (usize, usize),
        rows: usize,
        products: usize,
    ) -> Result<Weights<T>> {
        let kernels = T::kernels();
        if let (1, 1, 1, Some(kernel)) = (rows, products, source.depth_stride, T::line_kernel()) {
            let panels = Panels::InPlace(kernel, source);
            return Ok(Weights { kernels, panels, depth, columns, vectors: ROW_VECTORS });
        }
        let vectors = if rows == 1 { ROW_VECTORS } else { kernels.vectors };
        let width = vectors * kernels.lanes;
        let panels = columns.div_ceil(width);
        let count = panels * width * depth;
        let mut memory = scratch::<T>(count)?;
        let target = Disjoint::new(numbers_of::<T>(&mut memory, count));
        for_each_chunk(panels, (width * depth) as u64, &|panel| {
            let lines = panel * width..((panel + 1) * width).min(columns);
            // SAFETY: each panel is packed once, and has room; the lines lie within the matrix.
            unsafe {
                let to = target.range(panel * width * depth, width * depth).as_mut_ptr();
                source.pack(lines, 0..depth, width, to);
            }
        });
        Ok(Weights { kernels, panels: Panels::Packed(memory), depth, columns, vectors })
    }

    /// Numbers in a row of the product: columns beyond the last are padding.
    pub fn stride(&self) -> usize {
        self.columns.next_multiple_of(self.width())
    }

    fn width(&self) -> usize {
        self.vectors * self.kernels.lanes
    }

    /// The product with `rows` rows of A, which lie densely. Where they are few and this thread has helpers, these take
    /// columns.
    pub fn multiply(&self, a: &[T], rows: usize, product: &mut [T]) {
        let (width, stride) = (self.width(), self.stride());
        assert!(a.len() >= rows * self.depth && product.len() >= rows * stride);
        let panels = stride / width;
        let products = (2 * rows * self.depth * stride) as u64 / FLOPS;
        let nanoseconds = match &self.panels {
            Panels::Packed(_) => products,
            // Read once, from memory.
            Panels::InPlace(..) => {
                products.max((self.depth * stride * size_of::<T>() / BYTES_PER_NANOSECOND) as u64)
            }
        };
        let chunks = (nanoseconds / CHUNK_NANOSECONDS).clamp(1, panels as u64) as usize;
        let product = Disjoint::new(product);
        for_each_chunk(chunks, nanoseconds / chunks as u64, &|chunk| {
            for panel in chunk * panels / chunks..(chunk + 1) * panels / chunks {
                self.multiply_panel(a, rows, panel, &product);
            }
        });
    }

    fn multiply_panel(&self, a: &[T], rows: usize, panel: usize, product: &Disjoint<'_, T>) {
        let (kernels, width, stride) = (self.kernels, self.width(), self.stride());
        let packed: &[T] = match &self.panels {
            Panels::Packed(memory) => bytemuck::cast_slice(memory.as_slice()),
            Panels::InPlace(kernel, source) => {
                let columns = panel * width..((panel + 1) * width).min(self.columns);
                let row = Strided { data: a.as_ptr(), line_stride: 0, depth_stride: 1 };
                let c = product.pointer(columns.start, columns.len());
                // SAFETY: the row has the depth, the source the columns, and each panel is one thread's.
                return unsafe { line_product(*kernel, &row, source, self.depth, columns, c, false) };
            }
        };
        let packed = &packed[panel * width * self.depth..(panel + 1) * width * self.depth];
        // As equal as can be: a tile of one or two rows would wait for its sums.
        let tiles = rows.div_ceil(kernels.rows);
        for depth in depth_blocks(self.depth) {
            for tile in 0..tiles {
                let (first, end) = (tile * rows / tiles, (tile + 1) * rows / tiles);
                let kernel = match self.vectors == ROW_VECTORS && rows == 1 {
                    true => kernels.row,
                    false => kernels.unpacked(end - first, self.vectors),
                };
                // SAFETY: A has the rows and the panel the steps, the product has room for both, and each panel of
                // columns is one thread's.
                unsafe {
                    kernel(&Tile {
                        depth: depth.len(),
                        a: a.as_ptr().add(first * self.depth + depth.start),
                        a_row_stride: self.depth as isize,
                        a_depth_stride: 1,
                        b: packed.as_ptr().add(depth.start * width),
                        b_depth_stride: width as isize,
                        c: product
                            .pointer(first * stride + panel * width, (end - first - 1) * stride + width),
                        c_row_stride: stride as isize,
                        last_columns: kernels.lanes,
                        accumulate: depth.start > 0,
                    });
                }
            }
        }
    }
}
