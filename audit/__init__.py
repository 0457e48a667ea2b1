"""What the app is made of besides its own code: known vulnerabilities and licences. Not deployed."""
