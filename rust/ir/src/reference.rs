//! Placeholder for the reference interpreter.
use crate::*;
/// Placeholder.
pub struct Reference;
impl Backend for Reference {
    fn name(&self) -> &'static str {
        "reference"
    }
    fn allocate(&self, bytes: usize) -> Result<Buffer> {
        Ok(Buffer::new(backend::PlainStorage::zeros(bytes)?))
    }
    fn can_share(&self, _: &Kernel, _: usize, _: usize) -> bool {
        false
    }
    fn run(&self, _: &Kernel, _: &[Source<'_>], _: &mut [Buffer]) -> Result<()> {
        Ok(())
    }
}
/// Placeholder.
pub fn check(_: &Kernel, _: &[Source<'_>], _: &[Buffer]) -> Result<()> {
    Ok(())
}
