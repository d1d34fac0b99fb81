/**
 * The rows of the command table in the group `pubsub`.
 *
 * Generated from the command table by `cargo xtask codegen`: do not edit.
 */

import type { CommandRow } from './row.js';

export const ROWS: readonly CommandRow[] = [
  { name: 'psubscribe', arity: -2, flags: ['noscript'], firstKey: 0, group: 'pubsub', since: '2.0.0', serverOnly: true,
    syntax: 'pattern [pattern ...]', complexity: 'O(N) where N is the number of patterns to subscribe to',
    summary: 'Listens for messages published to channels that match one or more patterns.', subcommands: [] },
  { name: 'publish', arity: 3, flags: ['fast'], firstKey: 0, group: 'pubsub', since: '2.0.0', serverOnly: true,
    syntax: 'channel message', complexity: 'O(N+M) where N is the number of clients subscribed to the receiving channel and M is the total number of subscribed patterns (by any client)',
    summary: 'Posts a message to a channel.', subcommands: [] },
  { name: 'pubsub', arity: -2, flags: [], firstKey: 0, group: 'pubsub', since: '2.8.0', serverOnly: true,
    syntax: '', complexity: 'Depends on subcommand',
    summary: 'A container for Pub/Sub commands.', subcommands: [
      { name: 'channels', arity: -2, flags: [], firstKey: 0, group: 'pubsub', since: '2.8.0', serverOnly: true,
        syntax: '[pattern]', complexity: 'O(N) where N is the number of active channels, and assuming constant time pattern matching (relatively short channels and patterns)',
        summary: 'Returns the active channels.', subcommands: [] },
      { name: 'help', arity: 2, flags: [], firstKey: 0, group: 'pubsub', since: '6.2.0', serverOnly: true,
        syntax: '', complexity: 'O(1)',
        summary: 'Returns helpful text about the different subcommands.', subcommands: [] },
      { name: 'numpat', arity: 2, flags: [], firstKey: 0, group: 'pubsub', since: '2.8.0', serverOnly: true,
        syntax: '', complexity: 'O(1)',
        summary: 'Returns a count of unique pattern subscriptions.', subcommands: [] },
      { name: 'numsub', arity: -2, flags: [], firstKey: 0, group: 'pubsub', since: '2.8.0', serverOnly: true,
        syntax: '[channel [channel ...]]', complexity: 'O(N) for the NUMSUB subcommand, where N is the number of requested channels',
        summary: 'Returns a count of subscribers to channels.', subcommands: [] },
      { name: 'shardchannels', arity: -2, flags: [], firstKey: 0, group: 'pubsub', since: '7.0.0', serverOnly: true,
        syntax: '[pattern]', complexity: 'O(N) where N is the number of active shard channels, and assuming constant time pattern matching (relatively short shard channels)',
        summary: 'Returns the active shard channels.', subcommands: [] },
      { name: 'shardnumsub', arity: -2, flags: [], firstKey: 0, group: 'pubsub', since: '7.0.0', serverOnly: true,
        syntax: '[shardchannel [shardchannel ...]]', complexity: 'O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard channels',
        summary: 'Returns the count of subscribers of shard channels.', subcommands: [] },
    ] },
  { name: 'punsubscribe', arity: -1, flags: ['noscript'], firstKey: 0, group: 'pubsub', since: '2.0.0', serverOnly: true,
    syntax: '[pattern [pattern ...]]', complexity: 'O(N) where N is the number of patterns to unsubscribe',
    summary: 'Stops listening to messages published to channels that match one or more patterns.', subcommands: [] },
  { name: 'spublish', arity: 3, flags: ['fast'], firstKey: 0, group: 'pubsub', since: '7.0.0', serverOnly: true,
    syntax: 'shardchannel message', complexity: 'O(N) where N is the number of clients subscribed to the receiving shard channel',
    summary: 'Posts a message to a shard channel.', subcommands: [] },
  { name: 'ssubscribe', arity: -2, flags: ['noscript'], firstKey: 0, group: 'pubsub', since: '7.0.0', serverOnly: true,
    syntax: 'shardchannel [shardchannel ...]', complexity: 'O(N) where N is the number of shard channels to subscribe to',
    summary: 'Listens for messages published to shard channels.', subcommands: [] },
  { name: 'subscribe', arity: -2, flags: ['noscript'], firstKey: 0, group: 'pubsub', since: '2.0.0', serverOnly: true,
    syntax: 'channel [channel ...]', complexity: 'O(N) where N is the number of channels to subscribe to',
    summary: 'Listens for messages published to channels.', subcommands: [] },
  { name: 'sunsubscribe', arity: -1, flags: ['noscript'], firstKey: 0, group: 'pubsub', since: '7.0.0', serverOnly: true,
    syntax: '[shardchannel [shardchannel ...]]', complexity: 'O(N) where N is the number of shard channels to unsubscribe',
    summary: 'Stops listening to messages posted to shard channels.', subcommands: [] },
  { name: 'unsubscribe', arity: -1, flags: ['noscript'], firstKey: 0, group: 'pubsub', since: '2.0.0', serverOnly: true,
    syntax: '[channel [channel ...]]', complexity: 'O(N) where N is the number of channels to unsubscribe',
    summary: 'Stops listening to messages posted to channels.', subcommands: [] },
];
