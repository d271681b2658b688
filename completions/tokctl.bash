# Completions of tokctl for bash, which asks the program itself: source <(tokctl completions bash)

_tokctl() {
    local IFS=$' \t\n' line words last current found kind value
    COMPREPLY=()
    # COMP_POINT counts characters; an old bash counts bytes, which is as good at the end of the line.
    # COMP_WORDS would be cut at colons and at signs, which names have. The x keeps an empty last word.
    line=${COMP_LINE:0:COMP_POINT}x
    read -ra words <<<"$line"
    last=$((${#words[@]} - 1))
    current=${words[last]%x}
    found=$(command tokctl complete --current="$current" -- "${words[@]:1:last-1}" 2>/dev/null) || return 0
    {
        read -r kind
        case $kind in
            words)
                while IFS=$'\t' read -r value _; do
                    # bash replaces only what follows the last colon or at sign.
                    COMPREPLY+=("${value#"${current%"$2"}"}")
                done
                ;;
            files) compopt -o default 2>/dev/null ;;
            commands)
                while IFS= read -r value; do
                    COMPREPLY+=("$value")
                done < <(compgen -c -- "$2")
                ;;
        esac
    } <<<"$found"
}

complete -F _tokctl tokctl
