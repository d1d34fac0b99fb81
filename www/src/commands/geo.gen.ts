/**
 * The rows of the command table in the group `geo`.
 *
 * Generated from the command table by `cargo xtask codegen`: do not edit.
 */

import type { CommandRow } from './row.js';

export const ROWS: readonly CommandRow[] = [
  { name: 'geoadd', arity: -5, flags: ['write', 'denyoom'], firstKey: 1, group: 'geo', since: '3.2.0', serverOnly: false,
    syntax: 'key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]', complexity: 'O(log(N)) for each item added, where N is the number of elements in the sorted set',
    summary: 'Adds one or more members with their positions to a sorted set. Creates the key if it doesn\'t exist.', subcommands: [] },
  { name: 'geodist', arity: -4, flags: ['readonly'], firstKey: 1, group: 'geo', since: '3.2.0', serverOnly: false,
    syntax: 'key member1 member2 [M | KM | FT | MI]', complexity: 'O(1)',
    summary: 'Returns the distance between two members.', subcommands: [] },
  { name: 'geohash', arity: -2, flags: ['readonly'], firstKey: 1, group: 'geo', since: '3.2.0', serverOnly: false,
    syntax: 'key [member [member ...]]', complexity: 'O(1) for each member requested',
    summary: 'Returns the positions of members as geohash strings.', subcommands: [] },
  { name: 'geopos', arity: -2, flags: ['readonly'], firstKey: 1, group: 'geo', since: '3.2.0', serverOnly: false,
    syntax: 'key [member [member ...]]', complexity: 'O(1) for each member requested',
    summary: 'Returns the longitudes and latitudes of members.', subcommands: [] },
  { name: 'georadius', arity: -6, flags: ['write', 'denyoom'], firstKey: 1, group: 'geo', since: '3.2.0', serverOnly: false,
    syntax: 'key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC] [STORE key | STOREDIST key]', complexity: 'O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index',
    summary: 'Queries a geospatial index for members within a distance from a position, optionally stores the result.', subcommands: [] },
  { name: 'georadius_ro', arity: -6, flags: ['readonly'], firstKey: 1, group: 'geo', since: '3.2.10', serverOnly: false,
    syntax: 'key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC]', complexity: 'O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index',
    summary: 'Returns members from a geospatial index that are within a distance from a position.', subcommands: [] },
  { name: 'georadiusbymember', arity: -5, flags: ['write', 'denyoom'], firstKey: 1, group: 'geo', since: '3.2.0', serverOnly: false,
    syntax: 'key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC] [STORE key | STOREDIST key]', complexity: 'O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index',
    summary: 'Queries a geospatial index for members within a distance from a member, optionally stores the result.', subcommands: [] },
  { name: 'georadiusbymember_ro', arity: -5, flags: ['readonly'], firstKey: 1, group: 'geo', since: '3.2.10', serverOnly: false,
    syntax: 'key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC]', complexity: 'O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index',
    summary: 'Returns members from a geospatial index that are within a distance from a member.', subcommands: [] },
  { name: 'geosearch', arity: -7, flags: ['readonly'], firstKey: 1, group: 'geo', since: '6.2.0', serverOnly: false,
    syntax: 'key <FROMMEMBER member | FROMLONLAT longitude latitude> <BYRADIUS radius <M | KM | FT | MI> | BYBOX width height <M | KM | FT | MI>> [ASC | DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]', complexity: 'O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around the shape provided as the filter and M is the number of items inside the shape',
    summary: 'Queries a geospatial index for members inside an area of a box or a circle.', subcommands: [] },
  { name: 'geosearchstore', arity: -8, flags: ['write', 'denyoom'], firstKey: 1, group: 'geo', since: '6.2.0', serverOnly: false,
    syntax: 'destination source <FROMMEMBER member | FROMLONLAT longitude latitude> <BYRADIUS radius <M | KM | FT | MI> | BYBOX width height <M | KM | FT | MI>> [ASC | DESC] [COUNT count [ANY]] [STOREDIST]', complexity: 'O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around the shape provided as the filter and M is the number of items inside the shape',
    summary: 'Queries a geospatial index for members inside an area of a box or a circle, and stores the result.', subcommands: [] },
];
