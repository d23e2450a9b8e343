@0xd1f0a2c4b6e89317;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("troupe::wire");

# The first frame of a tensor on the wire; the second is the tensor's bytes.
struct TensorHeader {
  target @0 :Text;          # the receiving actor, by its address in the plan
  stream @1 :Text;          # which of the target's inputs this is
  sequence @2 :Int64;
  dtype @3 :UInt8;          # troupe::DType
  shape @4 :List(Int64);
  checksum @5 :UInt64;      # xxh3 of the second frame
  sender @6 :Text;          # the sending actor's address
}
