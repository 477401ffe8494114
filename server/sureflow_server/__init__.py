"""The Sureflow server: flow models over HTTP, with a confidence for every sample."""
