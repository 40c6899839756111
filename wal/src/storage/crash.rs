//! An in-memory disk that knows durable from merely written bytes.
