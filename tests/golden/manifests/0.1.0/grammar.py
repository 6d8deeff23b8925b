# a program
