"""Functions that programs call; a printed program carries the source of those it uses."""

import threading

import tenfold as tf


def double(gradient):
    return gradient * 2


def nothing(gradient):
    return None


def failing(gradient):
    raise ValueError("a hook that fails")


class Cube(tf.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * 3 * x * x


def run_threads(*bodies):
    threads = [threading.Thread(target=body) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
