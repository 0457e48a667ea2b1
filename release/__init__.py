"""What a release is made of: the package to deploy, and what it says about itself. Not deployed."""
