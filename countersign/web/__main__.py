"""`python -m countersign.web DESCRIPTOR`: serve on a socket that the supervisor has opened and that outlives it."""

import socket
import sys

from countersign.settings import settings
from countersign.web.serving import serve

if __name__ == "__main__":
    serve(settings(), sockets=[socket.socket(fileno=int(sys.argv[1]))])
