"""The golden model against the equations written out neuron by neuron in plain Python integers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nt_model import array
from nt_model.gain import nominal_gain
from nt_model.image import EncoderSpec, Image, Layer, own_domains
from nt_model.operating import ideal_operating
from nt_model.weights import PackedWeights

INT32_MAX = 2**31 - 1


def clamp(value: int) -> int:
    return max(-(2**31), min(INT32_MAX, value))


def one_neuron(weights, bias, theta, code, leak, refractory):
    """An image of a single neuron with a code, as the design page's table has it."""
    layer = Layer(
        PackedWeights.of(np.array([weights], np.int8)),
        np.array([bias], np.int16),
        np.array([theta], np.int32),
        own_domains((1,))[0],
        leak,
        refractory,
    )
    inputs = len(weights)
    encoder = EncoderSpec("rate", "none", 1, np.zeros(inputs, np.float32), np.ones(inputs, np.float32))
    return Image((layer,), nominal_gain(), np.zeros(1, np.uint16), 1, encoder)


def reference(weights, bias, theta, gain, leak, refractory, events):
    """Section 3 of the design page, one Python integer at a time."""
    membrane, hold, spikes, membranes = 0, 0, [], []
    for x in events:
        total = sum(w * e for w, e in zip(weights, x, strict=True)) + bias
        drive = clamp((total * gain) >> 4) if hold == 0 else 0
        membrane = clamp(membrane - (membrane >> leak if leak else 0) + drive)
        spike = membrane >= theta and hold == 0
        hold = refractory if spike else max(0, hold - 1)
        membrane = 0 if spike else membrane
        spikes.append(int(spike))
        membranes.append(membrane)
    return spikes, membranes


@st.composite
def cases(draw):
    inputs = draw(st.integers(1, 5))
    steps = draw(st.integers(1, 12))
    return {
        "weights": draw(st.lists(st.integers(-7, 7), min_size=inputs, max_size=inputs)),
        "bias": draw(st.integers(-32768, 32767)),
        "theta": draw(st.one_of(st.integers(-5000, 2_000_000), st.integers(-(2**31), INT32_MAX))),
        "code": draw(st.integers(0, 255)),
        "leak": draw(st.integers(0, 16)),
        "refractory": draw(st.integers(0, 5)),
        "events": draw(
            st.lists(st.lists(st.integers(0, 255), min_size=inputs, max_size=inputs), min_size=steps, max_size=steps)
        ),
    }


@given(cases())
def test_a_neuron_follows_the_equations(case):
    events = case.pop("events")
    image = one_neuron(**case)
    operating = ideal_operating(image, np.array([case["code"]], np.uint8))
    (response,) = array.run(image, operating, np.array([events], np.uint8))
    gain = int(image.gain[case["code"]])
    spikes, membranes = reference(
        case["weights"], case["bias"], case["theta"], gain, case["leak"], case["refractory"], events
    )
    assert response.raster[0, :, 0].tolist() == spikes
    assert int(response.membrane_q8[0, 0]) == membranes[-1]


def test_the_membrane_saturates_instead_of_wrapping():
    image = one_neuron([7] * 5, 32767, INT32_MAX, 255, 0, 0)
    operating = ideal_operating(image, np.array([255], np.uint8))
    events = np.full((1, 150, 5), 255, np.uint8)
    (response,) = array.run(image, operating, events)
    reached = np.flatnonzero(response.raster[0, :, 0])
    assert len(reached) > 0, "the saturated membrane meets a threshold of int32's largest value"
    assert int(response.compared_q8[0, 0]) >= 0, "the membrane wrapped"


def test_split_domains_scale_excitation_and_inhibition_apart():
    weight = PackedWeights.of(np.array([[7, -7]], np.int8))
    layer = Layer(weight, np.zeros(1, np.int16), np.array([1], np.int32), own_domains((1,), split=True)[0])
    encoder = EncoderSpec("rate", "none", 1, np.zeros(2, np.float32), np.ones(2, np.float32))
    image = Image((layer,), nominal_gain(), np.zeros(1, np.uint16), 1, encoder)
    x = np.array([[[10, 10]]], np.uint8)
    for codes, expected in (((128, 128), 0), ((200, 128), 1), ((128, 200), 0)):
        operating = ideal_operating(image, np.array(codes, np.uint8))
        (response,) = array.run(image, operating, x)
        assert int(response.counts[0, 0]) == expected
