"""The project as a homework: blanks, checks of the answers, the student edition and the autograder."""
