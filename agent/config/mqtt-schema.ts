// The `mqtt` section of the configuration: which broker, who we are there, and how much may wait while it is away.
import { z } from 'zod';
import { commandNames, usualCommands } from './command-names.ts';
import { wholeNumber } from './json-schema.ts';

/** One topic level that is also safe as a file name and a client identifier. */
export const topicSafe = /^[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}$/;

const path = (what: string) => z.string().min(1).describe(what);
const schemes = ['mqtt:', 'mqtts:', 'ws:', 'wss:'];

export const mqttSchema = z
  .strictObject({
    url: z
      .string()
      .refine((text) => URL.canParse(text) && schemes.includes(new URL(text).protocol), 'is not the address of a broker')
      .refine((text) => !URL.canParse(text) || new URL(text).password === '', 'holds a password')
      .refine((text) => !URL.canParse(text) || new URL(text).hostname !== '', 'names no host')
      .describe('Broker: mqtt://host:1883, mqtts://host:8883, ws://… or wss://…. User and password are settings of their own.'),
    username: z.string().min(1).max(1024).optional().describe('User name at the broker.'),
    password: z.string().min(1).max(1024).optional().describe('Password at the broker. Better kept in a file of its own: passwordFile.'),
    passwordFile: path('File whose first line is the password; make it readable for the agent only (chmod 600).').optional(),
    ca: path('PEM file with the certificate authority of the broker; the system store unless given.').optional(),
    cert: path('PEM file with the certificate of this device, together with key.').optional(),
    key: path('PEM file with the private key of this device, together with cert.').optional(),
    root: z
      .string()
      .default('whetstone')
      .refine(
        (root) => root.split('/').length <= 3 && root.split('/').every((level) => topicSafe.test(level)),
        'is not one to three topic levels',
      )
      .describe('First levels of every topic: letters, digits, "_" and "-", at most three levels, no slash at either end.'),
    protocol: z
      .literal([5, 4, 'auto'])
      .default('auto')
      .describe('5 (MQTT 5), 4 (MQTT 3.1.1) or auto: 5, and 4 where the broker does not know it.'),
    keepaliveSeconds: wholeNumber(5, 3600).default(30).describe('A dead connection is noticed after one and a half times this, 5 to 3600.'),
    outboxMegabytes: z
      .number()
      .min(1)
      .max(10_000)
      .default(64)
      .describe('Messages that wait for the broker; beyond this the least important go first.'),
    outboxDays: z.number().gt(0).max(3650).default(14).describe('Messages older than this are given up.'),
    commands: z
      .array(z.enum(commandNames))
      .default([...usualCommands])
      .describe(
        'What may be asked over MQTT, by whoever may publish there. Only where they are named: deploy, forget, samples, show, add.',
      ),
    sessionHours: z
      .number()
      .min(0)
      .max(87_600)
      .default(168)
      .describe('How long the broker keeps commands for this device while it is away.'),
  })
  .superRefine(
    (mqtt: Partial<Record<'password' | 'passwordFile' | 'username' | 'cert' | 'key', string>>, context) => {
      const wrong = (key: keyof typeof mqtt, message: string) =>
        context.addIssue({ code: 'custom', path: [key], message, input: mqtt[key] });
      if (mqtt.password !== undefined && mqtt.passwordFile !== undefined)
        wrong('password', 'is given twice: here and in passwordFile; keep one');
      if (mqtt === null || typeof mqtt !== 'object') return;
      const secret = mqtt.password === undefined ? 'passwordFile' : 'password';
      if (mqtt[secret] !== undefined && mqtt.username === undefined) wrong(secret, 'needs a username beside it');
      if (mqtt.cert !== undefined && mqtt.key === undefined) wrong('cert', 'needs the key that belongs to it');
      if (mqtt.key !== undefined && mqtt.cert === undefined) wrong('key', 'needs the cert that belongs to it');
    },
    { when: () => true },
  )
  .describe('Broker for predictions, questions, reports and weights; null or absent: everything stays on the device.');
