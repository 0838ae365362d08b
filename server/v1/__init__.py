"""Our own API: jobs with real states, workflows as functions, described by OpenAPI."""
