complete --keep-order --exclusive --command qd --arguments "(QUARTERDECK_COMPLETE=fish qd -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
