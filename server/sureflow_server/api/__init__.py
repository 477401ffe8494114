"""The HTTP surface: routes, schemas, problem documents, encodings."""
