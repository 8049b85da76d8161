//! Object storage: one trait, S3 and a local folder.
