"""Train the same model under several losses, and report them side by side."""
