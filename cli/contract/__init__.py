"""Commands that print the contract: AsyncAPI, schemas, OpenAPI."""
