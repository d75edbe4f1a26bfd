//! The whole PBX under a virtual clock and a seeded network.
