// Takes the password out of addresses in a text that is going to be printed: `rtsp://user:pw@cam` → `rtsp://…@cam`.

export function redactAddresses(text: string): string {
  return text.replaceAll(/:\/\/[^\s'"]*@/g, '://…@');
}
