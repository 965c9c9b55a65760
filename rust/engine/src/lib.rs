//! Tenfold: train, fine-tune and run neural networks.
