// A PNG → the escape sequence by which kitty and iTerm2 (and those that speak like them) show it in so many cells.

/** https://sw.kovidgoyal.net/kitty/graphics-protocol: base64 in pieces of at most 4096 characters. */
export function asKitty(png: Uint8Array, cells: { readonly columns: number; readonly rows: number }): string {
  const pieces =
    Buffer.from(png)
      .toString('base64')
      .match(/.{1,4096}/g) ?? [];
  return pieces
    .map((piece, at) => {
      const first = at === 0 ? `a=T,f=100,q=2,c=${cells.columns},r=${cells.rows},` : '';
      return `\x1b_G${first}m=${at === pieces.length - 1 ? 0 : 1};${piece}\x1b\\`;
    })
    .join('');
}

/** https://iterm2.com/documentation-images.html */
export function asITerm2(png: Uint8Array, cells: { readonly columns: number; readonly rows: number }): string {
  const place = `width=${cells.columns};height=${cells.rows};preserveAspectRatio=1`;
  return `\x1b]1337;File=inline=1;size=${png.length};${place}:${Buffer.from(png).toString('base64')}\x07`;
}
