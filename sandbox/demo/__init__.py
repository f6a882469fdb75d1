"""The demonstration: approvals of every sort, executed through the deployment on this machine's sandbox."""
