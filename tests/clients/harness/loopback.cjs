// Preloaded into the emulator, which would otherwise listen on every interface and offers no setting for it.
const { Server } = require('node:net');

const listen = Server.prototype.listen;

Server.prototype.listen = function (...args) {
  if (typeof args[0] !== 'number') return listen.apply(this, args);
  const callback = args.find((arg) => typeof arg === 'function');
  return listen.call(this, args[0], '127.0.0.1', ...(callback ? [callback] : []));
};
