/** The shells there is a completion for. */
export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** What the program prints instead of candidates where the shell is to complete file names. */
export const filesMark = ':files';

/**
 * The script that a shell reads in: it asks the program itself, which knows its commands and the living fleet.
 * A candidate is a line: the word, a tab, its description.
 */
export function completionScript(shell: Shell): string {
  return scripts[shell];
}

const scripts: Readonly<Record<Shell, string>> = {
  bash: `# bash completion for vedette: put "source <(vedette completion bash)" into ~/.bashrc
_vedette() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    if [ "$line" = '${filesMark}' ]; then
      compopt -o default
      return
    fi
    COMPREPLY+=("$(printf '%q' "\${line%%$'\\t'*}")")
  done < <("\${COMP_WORDS[0]}" __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _vedette vedette
`,
  zsh: `#compdef vedette
# zsh completion for vedette: put "source <(vedette completion zsh)" into ~/.zshrc, after compinit
_vedette() {
  local line word
  local -a words_found descriptions
  while IFS= read -r line; do
    if [[ $line == '${filesMark}' ]]; then
      _files
      return
    fi
    word=\${line%%$'\\t'*}
    words_found+=("$word")
    descriptions+=("\${word}  \${line#*$'\\t'}")
  done < <("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  compadd -l -d descriptions -a words_found
}
compdef _vedette vedette
`,
  fish: `# fish completion for vedette: vedette completion fish > ~/.config/fish/completions/vedette.fish
function __vedette_complete
  set -l typed (commandline -opc) (commandline -ct)
  set -l found ($typed[1] __complete -- $typed[2..-1] 2>/dev/null)
  if test "$found[1]" = '${filesMark}'
    __fish_complete_path (commandline -ct)
  else
    printf '%s\\n' $found
  end
end
complete -c vedette -f -a '(__vedette_complete)'
`,
};
