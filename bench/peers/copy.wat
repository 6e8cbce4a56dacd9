;; The least that a normalization can do to memory: one read and one write of each element.
(module
  (memory (export "memory") 1)

  ;; y = x; bytes is a multiple of 64.
  (func (export "copy") (param $x i32) (param $y i32) (param $bytes i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $x) (local.get $bytes)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $x) (local.get $end)))
        (v128.store offset=0 (local.get $y) (v128.load offset=0 (local.get $x)))
        (v128.store offset=16 (local.get $y) (v128.load offset=16 (local.get $x)))
        (v128.store offset=32 (local.get $y) (v128.load offset=32 (local.get $x)))
        (v128.store offset=48 (local.get $y) (v128.load offset=48 (local.get $x)))
        (local.set $x (i32.add (local.get $x) (i32.const 64)))
        (local.set $y (i32.add (local.get $y) (i32.const 64)))
        (br $next))))

  ;; dx = x + dy; bytes is a multiple of 64.
  (func (export "add") (param $x i32) (param $dy i32) (param $dx i32) (param $bytes i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $x) (local.get $bytes)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $x) (local.get $end)))
        (v128.store offset=0 (local.get $dx)
          (f32x4.add (v128.load offset=0 (local.get $x)) (v128.load offset=0 (local.get $dy))))
        (v128.store offset=16 (local.get $dx)
          (f32x4.add (v128.load offset=16 (local.get $x)) (v128.load offset=16 (local.get $dy))))
        (v128.store offset=32 (local.get $dx)
          (f32x4.add (v128.load offset=32 (local.get $x)) (v128.load offset=32 (local.get $dy))))
        (v128.store offset=48 (local.get $dx)
          (f32x4.add (v128.load offset=48 (local.get $x)) (v128.load offset=48 (local.get $dy))))
        (local.set $x (i32.add (local.get $x) (i32.const 64)))
        (local.set $dy (i32.add (local.get $dy) (i32.const 64)))
        (local.set $dx (i32.add (local.get $dx) (i32.const 64)))
        (br $next)))))
