// Where mosquitto is not installed: aedes as a process of its own, which can be killed. It keeps nothing over its end, so it lets nobody in before
// the observer has subscribed again. usage: small-broker.mjs PORT OBSERVER
import { createServer } from 'node:net';
import { Aedes } from 'aedes';

const [port, observer] = process.argv.slice(2);
const aedes = await Aedes.createBroker();
let isObserved = false;
aedes.on('subscribe', (_subscriptions, client) => {
  if (client?.id === observer) isObserved = true;
});
aedes.authenticate = (client, _name, _password, done) => done(null, isObserved || client.id === observer);
createServer(aedes.handle).listen(Number(port), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
