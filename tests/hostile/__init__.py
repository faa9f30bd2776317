"""An attacker of our own: what each process could do if it were taken over."""
