//! Graph to graph transformations of cnnc.
