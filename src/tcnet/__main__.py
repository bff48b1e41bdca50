"""python -m tcnet is the tcnet command."""

from tcnet.command import main

if __name__ == "__main__":
    main()
