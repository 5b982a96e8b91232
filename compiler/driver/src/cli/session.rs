//! A model with the memory it runs in: inputs, outputs, workspace.

use cnnc::{Error, Model, Workspace};
use cnnc_ir::{Tensor, Type};
use cnnc_runtime::RunError;

use super::{open, values};

/// A model that can be run again and again.
pub(crate) struct Session<'m> {
    model: &'m Model,
    types: Vec<Type>,
    inputs: Vec<Vec<u8>>,
    outputs: Vec<Vec<u8>>,
    workspace: Workspace,
}

impl<'m> Session<'m> {
    /// Memory for a model; `threads` 0 is as many as there are.
    pub(crate) fn new(model: &'m Model, inputs: &[Tensor], threads: u32) -> Result<Session<'m>, Error> {
        Ok(Session {
            model,
            types: model.outputs().iter().map(open::ty).collect::<Result<_, _>>()?,
            inputs: inputs.iter().map(|x| x.data().to_le_bytes()).collect(),
            outputs: model.outputs().iter().map(|info| vec![0; info.bytes]).collect(),
            workspace: Workspace::new(model, threads)?,
        })
    }

    /// Runs once.
    pub(crate) fn run(&mut self) -> Result<(), RunError> {
        let inputs: Vec<&[u8]> = self.inputs.iter().map(Vec::as_slice).collect();
        let mut outputs: Vec<&mut [u8]> = self.outputs.iter_mut().map(Vec::as_mut_slice).collect();
        self.model.run(&inputs, &mut outputs, &mut self.workspace)
    }

    /// Runs once and shows the workspace after each step.
    pub(crate) fn observe(&mut self, mut on_step: impl FnMut(usize, &[u8])) -> Result<(), RunError> {
        let inputs: Vec<&[u8]> = self.inputs.iter().map(Vec::as_slice).collect();
        let mut outputs: Vec<&mut [u8]> = self.outputs.iter_mut().map(Vec::as_mut_slice).collect();
        let (start, size) = (self.workspace.as_ptr(), self.workspace.bytes().len());
        self.model.run_observed(&inputs, &mut outputs, &mut self.workspace, &mut |step| {
            // SAFETY: the workspace lives through the run, and between two steps nobody writes to it.
            on_step(step as usize, unsafe { std::slice::from_raw_parts(start, size) });
            true
        })
    }

    /// What the last run gave.
    pub(crate) fn results(&self) -> Result<Vec<Tensor>, Error> {
        self.types.iter().zip(&self.outputs).map(|(ty, bytes)| values::from_bytes(ty, bytes)).collect()
    }

    /// How many threads run it.
    pub(crate) fn threads(&self) -> u32 {
        self.workspace.threads()
    }
}
