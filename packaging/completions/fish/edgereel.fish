complete --keep-order --exclusive --command edgereel --arguments "(EDGEREEL_COMPLETE=fish edgereel -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
