# Completions of tokctl for fish, which asks the program itself: tokctl completions fish | source

function __tokctl_complete
    set -l before (commandline -opc)
    set -e before[1]
    set -l current (commandline -ct)
    set -l found (command tokctl complete --current="$current" -- $before 2>/dev/null)
    set -l kind $found[1]
    set -e found[1]
    switch "$kind"
        case words
            string join -- \n $found
        case files
            set -l flag (string match -r -- '^--[^=]*=' $current)
            for file in (__fish_complete_path (string replace -- "$flag" '' $current))
                echo -- "$flag$file"
            end
        case commands
            __fish_complete_command
    end
end

complete --command tokctl --no-files --keep-order --arguments '(__tokctl_complete)'
