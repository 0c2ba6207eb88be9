// What a terminal can show of a picture, told from its environment, and how many cells it has for it. Environment and size in, a decision out.

/** From the finest to the plainest: kitty, iTerm2 and sixel show pixels; blocks are half a character cell each. */
export const drawings = ['kitty', 'iterm2', 'sixel', 'blocks', 'plain'] as const;
export type Drawing = (typeof drawings)[number];

export interface Terminal {
  readonly isTerminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly columns: number;
  readonly rows: number;
}

export function terminalOf(stream: { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number }): Terminal {
  const asked = Number(process.env.COLUMNS);
  // A terminal that was never told its size says 0.
  const columns = stream.columns || (Number.isInteger(asked) && asked > 0 ? asked : 80);
  return { isTerminal: stream.isTTY === true, env: process.env, columns, rows: stream.rows || 24 };
}

/** null: no drawing, because nobody looks. */
export function bestDrawing({ isTerminal, env }: Terminal): Drawing | null {
  if (!isTerminal) return null;
  const { TERM = '', TERM_PROGRAM = '', LC_TERMINAL = '' } = env;
  // Multiplexers pass no pictures through unless they were told to.
  const isDirect = env.TMUX === undefined && !/^(screen|tmux)/.test(TERM);
  if (isDirect && (env.KITTY_WINDOW_ID !== undefined || /kitty|ghostty/.test(TERM) || TERM_PROGRAM === 'ghostty')) return 'kitty';
  if (isDirect && (/^(iTerm\.app|WezTerm)$/.test(TERM_PROGRAM) || LC_TERMINAL === 'iTerm2')) return 'iterm2';
  if (isDirect && /sixel|^mlterm|^foot|^yaft/.test(TERM)) return 'sixel';
  return env.NO_COLOR || TERM === 'dumb' || TERM === '' ? 'plain' : 'blocks';
}

/** Colours of block characters: all of them where the terminal says so, else the palette that nearly all have. */
export function colourDepth({ env }: Pick<Terminal, 'env'>): 24 | 8 {
  return /truecolor|24bit/.test(env.COLORTERM ?? '') || /direct$/.test(env.TERM ?? '') ? 24 : 8;
}

/** Cells for a picture of this shape: at most the width of the terminal and half its height, a cell being twice as high as wide. */
export function cellsFor(
  terminal: Pick<Terminal, 'columns' | 'rows'>,
  aspect: number,
): { readonly columns: number; readonly rows: number } {
  const mostColumns = Math.max(8, Math.min(terminal.columns - 1, 96));
  const mostRows = Math.max(6, Math.min(Math.floor(terminal.rows * 0.6), 32));
  const columns = Math.max(1, Math.min(mostColumns, Math.round(mostRows * 2 * aspect)));
  return { columns, rows: Math.max(1, Math.min(mostRows, Math.round(columns / aspect / 2))) };
}
