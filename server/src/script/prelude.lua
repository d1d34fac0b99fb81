-- What scripts see: the globals that Redis offers, none of which can be changed.
--
-- Lua 5.1 has no tables that can't be written, so a frozen table is an empty one that looks its content up in another.
-- Whatever would reach around that, such as rawset, is wrapped here. Everything that this file returns is called by the
-- server; everything in `visible` is called by scripts.
local native, kind = ...

local error, type, tostring = error, type, tostring
local next, rawget, rawset, setmetatable, xpcall = next, rawget, rawset, setmetatable, xpcall
local loadstring, concat, byte = loadstring, table.concat, string.byte

local READONLY = 'Attempt to modify a readonly table'
-- What a frozen table shows.
local shown_by = setmetatable({}, { __mode = 'k' })

local function refuse()
  error(READONLY, 2)
end

local locked = {}
setmetatable(locked, { __newindex = refuse, __metatable = locked })
shown_by[locked] = {}

local function frozen(shown)
  local face = setmetatable({}, { __index = shown, __newindex = refuse, __metatable = locked })
  shown_by[face] = shown
  return face
end

local function copied(from, names)
  local to = {}
  for name in names:gmatch('%S+') do
    to[name] = from[name]
  end
  return to
end

local visible = copied(_G, [[
  assert error getmetatable gcinfo ipairs rawequal select tonumber tostring type unpack _VERSION
]])

-- What the server raises is made something of Lua's where it is caught. That a script is to end can't be caught.
local pcall, plain, is_ending = pcall, native.plain, native.is_ending
local function caught(ok, ...)
  if not ok and is_ending() then
    error((...), 0)
  end
  if not ok and type((...)) == 'userdata' then
    return false, plain((...))
  end
  return ok, ...
end

-- As in Redis, what `pcall` catches of an error of a command is its text alone.
local function as_text(ok, ...)
  if not ok and type((...)) == 'table' then
    local text = rawget((...), 'err')
    if type(text) == 'string' then
      return false, text
    end
  end
  return ok, ...
end

function visible.pcall(body, ...)
  return as_text(caught(pcall(body, ...)))
end

function visible.xpcall(body, handle)
  return caught(xpcall(body, function(raised)
    -- Lua looks at no clock while it handles what was raised by looking at one.
    if is_ending() then
      return raised
    end
    if type(raised) == 'userdata' then
      raised = plain(raised)
    end
    return handle(raised)
  end))
end

function visible.rawset(t, k, v)
  if shown_by[t] then
    error(READONLY, 2)
  end
  return rawset(t, k, v)
end

function visible.setmetatable(t, meta)
  if type(t) == 'table' and shown_by[t] then
    error(READONLY, 2)
  end
  return setmetatable(t, meta)
end

function visible.rawget(t, k)
  return rawget(shown_by[t] or t, k)
end

function visible.next(t, k)
  return next(type(t) == 'table' and shown_by[t] or t, k)
end

local pairs = pairs
function visible.pairs(t)
  local shown = type(t) == 'table' and shown_by[t]
  if shown then
    return function(_, k)
      return next(shown, k)
    end, t, nil
  end
  return pairs(t)
end

-- Compiled code could break out of the interpreter: text alone is taken.
function visible.loadstring(text, name)
  if type(text) == 'string' and byte(text, 1) == 27 then
    return nil, 'compiled code is not loaded'
  end
  return loadstring(text, name)
end

function visible.load(reader, name)
  local parts = {}
  while true do
    local part = reader()
    if part == nil or part == '' then
      break
    end
    parts[#parts + 1] = part
  end
  return visible.loadstring(concat(parts), name or '=(load)')
end

-- A script may look after its garbage, but not switch the collector off for those after it.
local collectgarbage = collectgarbage
function visible.collectgarbage(option, argument)
  if option == nil or option == 'collect' or option == 'count' or option == 'step' then
    return collectgarbage(option or 'collect', argument)
  end
  return 0
end

local insert = table.insert
local tables = copied(table, 'concat foreach foreachi getn maxn remove setn sort')
function tables.insert(t, ...)
  if shown_by[t] then
    error(READONLY, 2)
  end
  return insert(t, ...)
end

local strings = copied(string, 'byte char dump format len lower rep reverse sub upper')

-- Lua 5.1 matches by recursion, a level for each repetition in the pattern: a pattern without end would end the server.
local PATTERN_MAX = 2000
local find = string.find
local function bounded(match)
  return function(text, pattern, ...)
    if type(pattern) == 'string' and #pattern > PATTERN_MAX and find(pattern, '[%*%+%-%?%(]') then
      local _, plain = ...
      if match ~= find or not plain then
        error('pattern too complex', 2)
      end
    end
    return match(text, pattern, ...)
  end
end
for _, name in next, { 'find', 'gmatch', 'gsub', 'match', 'gfind' } do
  strings[name] = bounded(string[name])
end
local maths = copied(math, [[
  abs acos asin atan atan2 ceil cos cosh deg exp floor fmod frexp huge ldexp log log10 max min mod modf pi pow rad
  sin sinh sqrt tan tanh
]])
maths.random, maths.randomseed = native.random.random, native.random.randomseed

local new_cjson = native.new_cjson
local function json()
  local lib = new_cjson()
  lib._NAME, lib._VERSION = 'cjson', '2.1.0'
  lib.new = json
  return lib
end

local threads = copied(coroutine, 'create running status wrap yield')
local resume = coroutine.resume
function threads.resume(thread, ...)
  return caught(resume(thread, ...))
end

local redis = native.redis

visible.string = frozen(strings)
visible.table = frozen(tables)
visible.math = frozen(maths)
visible.coroutine = frozen(threads)
visible.os = frozen({ clock = os.clock })
visible.bit = frozen(native.bit)
visible.struct = frozen(native.struct)
visible.cmsgpack = frozen(native.cmsgpack)
visible.cjson = frozen(json())
visible.redis = frozen(redis)

local function without_others(names)
  return setmetatable(names, {
    __index = function(_, name)
      error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
    end,
  })
end
without_others(visible)

local of_globals = { __index = visible, __newindex = refuse, __metatable = locked }
local globals = setmetatable({}, of_globals)
shown_by[globals] = visible
visible._G = globals

-- Methods of strings are looked up in what scripts see, which is as fast and can't be changed either.
local of_strings = getmetatable('')
of_strings.__index = strings
of_strings.__metatable = locked

local handler = native.handler

-- Calls a function so that whatever it raises comes back as a table.
local function run(body, keys, arguments)
  visible.KEYS, visible.ARGV = keys, arguments
  return xpcall(body, handler)
end

local function run_function(body, keys, arguments)
  return xpcall(function()
    return body(keys, arguments)
  end, handler)
end

-- What a library may do while it is being loaded: register functions, and little else.
local loading = without_others(copied(redis, [[
  error_reply status_reply sha1hex log LOG_DEBUG LOG_VERBOSE LOG_NOTICE LOG_WARNING REDIS_VERSION REDIS_VERSION_NUM
]]))
loading.register_function = native.register_function
local visible_loading = without_others({ redis = frozen(loading) })

local function load(body)
  of_globals.__index, shown_by[globals] = visible_loading, visible_loading
  local ok, failure = xpcall(body, handler)
  of_globals.__index, shown_by[globals] = visible, visible
  return ok, failure
end

if kind == 'functions' then
  for _, name in next, { 'replicate_commands', 'breakpoint', 'debug' } do
    redis[name] = nil
  end
end

return globals, run, run_function, load
