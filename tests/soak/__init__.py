"""`make soak MINUTES=n`: hundreds of approvals while everything is killed, stopped and disturbed at random."""
