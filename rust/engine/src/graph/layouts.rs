//! The layouts of pending nodes.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::ops::Index;
use std::sync::Arc;

use tenfold_ir::Layout;

use crate::plan::Mixer;

/// The number of a layout among those of the nodes that wait, or of a batch: equal numbers are equal layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LayoutId(u32);

impl LayoutId {
    /// Its place among the layouts.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Layouts, each once. Nodes name them by number: counting references for each input would cost more than all else that is
/// written down of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layouts {
    all: Vec<Arc<Layout>>,
    /// How many elements each has.
    elements: Vec<usize>,
    ids: HashMap<Arc<Layout>, LayoutId, BuildHasherDefault<Mixer>>,
    /// The one that was asked for last: neighbours mostly share it.
    last: usize,
}

impl Layouts {
    /// The number of a layout.
    #[inline]
    pub fn id(&mut self, layout: &Arc<Layout>) -> LayoutId {
        match self.all.get(self.last) {
            Some(last) if Arc::ptr_eq(last, layout) || last == layout => LayoutId(self.last as u32),
            _ => self.look_up(layout),
        }
    }

    fn look_up(&mut self, layout: &Arc<Layout>) -> LayoutId {
        let id = match self.ids.get(layout) {
            Some(&known) => known,
            None => {
                let next = LayoutId(self.all.len() as u32);
                self.ids.insert(layout.clone(), next);
                self.all.push(layout.clone());
                self.elements.push(layout.elements());
                next
            }
        };
        self.last = id.index();
        id
    }

    /// How many elements a layout has.
    #[inline]
    pub fn elements(&self, id: LayoutId) -> usize {
        self.elements[id.index()]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }
}

impl Index<LayoutId> for Layouts {
    type Output = Arc<Layout>;

    #[inline]
    fn index(&self, id: LayoutId) -> &Arc<Layout> {
        &self.all[id.index()]
    }
}
