# Completion of post-server, user-server and postcli for bash (and for zsh, by
# bashcompinit). It asks the program itself: --help=words lists what a command takes.

_pair_complete()
{
    local program=$1 word=${COMP_WORDS[COMP_CWORD]} words
    local -a command=()
    local i

    # The words of the command: what stands before the first option.
    for ((i = 1; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} == -* ]] && break
        command+=("${COMP_WORDS[i]}")
    done
    # Readline takes "--format=ta" for three words.
    if [[ $word == "=" ]]; then
        word="${COMP_WORDS[COMP_CWORD - 1]}="
    elif ((COMP_CWORD >= 2)) && [[ ${COMP_WORDS[COMP_CWORD - 1]} == "=" ]]; then
        word="${COMP_WORDS[COMP_CWORD - 2]}=$word"
    fi

    words=$("$program" "${command[@]}" --help=words 2>/dev/null)
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    if [[ $word == *=* ]]; then
        if ((${#COMPREPLY[@]} == 0)); then # a value of no known kind: a file, perhaps
            mapfile -t COMPREPLY < <(compgen -f -- "${word#*=}")
        else
            COMPREPLY=("${COMPREPLY[@]#*=}")
        fi
    elif ((${#COMPREPLY[@]} == 0)); then
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    elif [[ ${COMPREPLY[0]} == *= ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -F _pair_complete postcli post-server user-server
