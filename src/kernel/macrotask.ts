/** The end of what JavaScript does at once, in browsers and elsewhere. */

/** Resolves in a later macrotask: every microtask that was pending has run by then. */
export function macrotask(): Promise<'macrotask'> {
  return new Promise((resolve) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      channel.port1.close();
      resolve('macrotask');
    };
    channel.port2.postMessage(0);
  });
}
