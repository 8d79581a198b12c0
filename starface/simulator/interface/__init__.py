"""What the stand-in answers: XML-RPC, REST, OAuth."""
