using Workerd = import "/workerd/workerd.capnp";

# The bundled worker and the wasm beside it; `run.mjs` puts both into ./build.
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "internet", network = (allow = ["public", "private", "local"]))
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
);

const worker :Workerd.Worker = (
  compatibilityDate = "2026-04-01",
  modules = [
    (name = "worker.js", esModule = embed "build/worker.js"),
    (name = "sanderling.wasm", wasm = embed "build/sanderling.wasm")
  ],
  bindings = [
    (name = "REPLICA", durableObjectNamespace = "Replica"),
    (name = "SERVER", fromEnvironment = "SANDERLING_SYNC_URL")
  ],
  durableObjectNamespaces = [(className = "Replica", uniqueKey = "sanderling-packaging-replica")],
  durableObjectStorage = (inMemory = void)
);
