"""redis-py as programs use it."""

import threading

import pytest
import redis
from conftest import HOST, PORT


def test_the_first_seven_calls():
    r = redis.Redis(host=HOST, port=PORT, db=0)
    r.flushall()
    assert r.set("name", "Ada") is True
    assert r.get("name") == b"Ada"
    assert r.delete("name") == 1
    assert r.get("name") is None
    assert r.lpush("list", "a", "b", "c") == 3
    assert r.sadd("set", "x", "y", "x") == 2
    assert r.zadd("board", {"ada": 10, "grace": 20.5}) == 2
    # Pairs are tuples or lists, as the version of redis-py has it.
    assert [tuple(pair) for pair in r.zrange("board", 0, -1, withscores=True)] == [(b"ada", 10.0), (b"grace", 20.5)]
    assert r.lrange("list", 0, -1) == [b"c", b"b", b"a"]
    assert r.smembers("set") == {b"x", b"y"}
    r.close()


@pytest.mark.parametrize("protocol", [2, 3])
def test_every_type_in_both_protocols(connect, protocol):
    r = connect(protocol=protocol, decode_responses=True)
    r.flushall()
    assert r.ping() is True
    assert r.set("k", "größe", nx=True) is True
    assert r.set("k", "again", nx=True) is None
    assert r.get("k") == "größe"
    assert r.mget("k", "missing") == ["größe", None]
    assert r.hset("h", mapping={"f": 1, "g": "two"}) == 2
    assert r.hgetall("h") == {"f": "1", "g": "two"}
    assert r.hincrbyfloat("h", "f", 0.5) == 1.5
    assert r.rpush("l", 1, 2, 3) == 3
    assert r.lpop("l", 2) == ["1", "2"]
    assert r.lmove("l", "m", "LEFT", "RIGHT") == "3"
    assert r.sadd("s", "a", "b") == 2
    assert r.sismember("s", "a")
    assert r.smembers("s") == {"a", "b"}
    assert r.sinter("s", "missing") == set()
    assert r.zadd("z", {"a": 1, "b": 2.5}) == 2
    assert r.zscore("z", "b") == 2.5
    assert r.zincrby("z", 1, "a") == 2.0
    assert [list(pair) for pair in r.zpopmin("z", 1)] == [["a", 2.0]]
    assert r.zrank("z", "b") == 0
    assert r.type("z") == "zset"
    assert r.exists("k", "h", "missing") == 2


def test_values_are_bytes(r):
    value = bytes(range(256)) * 64
    assert r.set(value[:300], value)
    assert r.get(value[:300]) == value


def test_expiry(r):
    assert r.set("k", "v", ex=100)
    assert 0 < r.ttl("k") <= 100
    assert 0 < r.pttl("k") <= 100_000
    assert r.persist("k") is True
    assert r.ttl("k") == -1
    assert r.ttl("missing") == -2
    assert r.expire("k", 100, nx=True) is True
    assert r.expire("k", 10, gt=True) is False
    assert r.expireat("k", 1) is True
    assert r.get("k") is None


def test_a_pipeline_answers_in_order(r):
    with r.pipeline(transaction=False) as pipe:
        for i in range(1_000):
            pipe.set(f"k{i}", i)
        pipe.get("k999")
        replies = pipe.execute()
    assert replies[:1_000] == [True] * 1_000
    assert replies[1_000] == b"999"
    assert r.dbsize() == 1_000


def test_a_pipeline_reports_the_error_at_its_place(r):
    pipe = r.pipeline(transaction=False)
    pipe.set("k", "v").lpush("k", "x").get("k")
    ok, error, value = pipe.execute(raise_on_error=False)
    assert ok is True and value == b"v"
    assert isinstance(error, redis.ResponseError)
    assert "WRONGTYPE" in str(error)


def test_a_transaction_is_whole(r):
    with r.pipeline() as pipe:
        pipe.incr("n").incr("n").get("n")
        assert pipe.execute() == [1, 2, b"2"]


def test_watch_notices_another_writer(r, connect):
    other = connect()
    r.set("k", 1)
    with r.pipeline() as pipe:
        pipe.watch("k")
        assert pipe.get("k") == b"1"
        other.set("k", 2)
        pipe.multi()
        pipe.set("k", 3)
        with pytest.raises(redis.WatchError):
            pipe.execute()
    assert r.get("k") == b"2"


def test_transaction_retries_until_it_counts_every_one(r, connect):
    def count():
        client = connect()

        def bump(pipe):
            value = int(pipe.get("n") or 0)
            pipe.multi()
            pipe.set("n", value + 1)

        for _ in range(50):
            client.transaction(bump, "n")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert r.get("n") == b"200"


def test_scan_finds_every_key_once(r):
    r.mset({f"key:{i}": i for i in range(1_000)})
    r.sadd("set", *range(1_000))
    r.hset("hash", mapping={f"f{i}": i for i in range(1_000)})
    r.zadd("zset", {f"m{i}": i for i in range(1_000)})
    assert len(set(r.scan_iter("key:*"))) == 1_000
    assert set(r.scan_iter(_type="zset")) == {b"zset"}
    assert set(r.sscan_iter("set")) == {str(i).encode() for i in range(1_000)}
    assert len(dict(r.hscan_iter("hash"))) == 1_000
    assert dict(r.zscan_iter("zset"))[b"m7"] == 7.0


def test_errors_have_their_classes(r):
    r.set("k", "v")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        r.lpush("k", "a")
    with pytest.raises(redis.ResponseError, match="unknown command"):
        r.execute_command("NOSUCH")
    with pytest.raises(redis.ResponseError, match="wrong number of arguments"):
        r.execute_command("GET")
    with pytest.raises(redis.ResponseError, match="not an integer"):
        r.incr("k")
    with pytest.raises(redis.ResponseError, match="invalid expire time"):
        r.set("k", "v", ex=0)
    assert r.get("k") == b"v"


def test_databases_are_apart(r, connect):
    other = connect(db=5)
    r.set("k", "zero")
    assert other.get("k") is None
    assert other.set("k", "five")
    assert r.get("k") == b"zero"


def test_a_client_can_name_itself_and_ask_about_the_server(connect):
    r = connect(client_name="suite", decode_responses=True)
    assert r.client_getname() == "suite"
    assert r.client_id() > 0
    assert any(client["name"] == "suite" for client in r.client_list())
    info = r.info()
    assert info["redis_version"]
    assert info["connected_clients"] >= 1
    assert r.config_get("databases") == {"databases": "16"}
    assert r.command_count() > 100
    assert "get" in {name.lower() for name in r.command()}


def test_an_unknown_user_is_refused(connect):
    with pytest.raises(redis.AuthenticationError):
        connect(username="nobody", password="secret").ping()


@pytest.mark.parametrize("protocol", [2, 3])
def test_scripts_and_functions(connect, protocol):
    r = connect(protocol=protocol, decode_responses=True)
    r.flushall()
    r.script_flush()
    take = r.register_script(
        "local left = tonumber(redis.call('GET', KEYS[1]) or '0') "
        "if left < tonumber(ARGV[1]) then return -1 end "
        "return redis.call('DECRBY', KEYS[1], ARGV[1])"
    )
    r.set("stock", 5)
    # The first call finds that the server doesn't know the script, and loads it.
    assert take(keys=["stock"], args=[3]) == 2
    assert take(keys=["stock"], args=[3]) == -1
    with r.pipeline() as pipe:
        take(keys=["stock"], args=[1], client=pipe)
        pipe.get("stock")
        assert pipe.execute() == [1, "1"]
    assert r.script_exists(take.sha) == [True]
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        r.eval("return redis.call('LPUSH', KEYS[1], 'x')", 1, "stock")
    with pytest.raises(redis.exceptions.NoScriptError):
        r.evalsha("0" * 40, 0)
    code = "#!lua name=counters\nredis.register_function('bump', function(keys) return redis.call('INCR', keys[1]) end)"
    assert r.function_load(code, replace=True) == "counters"
    assert r.fcall("bump", 1, "n") == 1
    dump = connect(protocol=protocol).function_dump()
    r.function_delete("counters")
    assert connect(protocol=protocol).function_restore(dump) in (True, b"OK", "OK")
    assert r.fcall("bump", 1, "n") == 2
    r.function_flush()


def test_a_lock_of_redis_py(r):
    with r.lock("lock", timeout=5) as lock:
        assert lock.owned()
        assert not r.lock("lock", blocking=False).acquire()
        lock.extend(5)
    assert not r.exists("lock")
