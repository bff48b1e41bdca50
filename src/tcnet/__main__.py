"""python -m tcnet is the tcnet command."""

from tcnet.cli import main

if __name__ == "__main__":
    main()
