"""costlib predict: every row gives a row, a bad one says why, and the answers are those of the model."""

import time

import numpy as np
import pandas as pd
import pytest

from costlib import calibration, cli, configs, predict, serving
from costlib.errors import InputError

HEADER = ("id", *configs.COLUMNS)
GOOD = ("a", "Llama-3.1-8B", "H100 SXM", "1", "1", "bf16", "vLLM", "512", "128", "16", "output_tokens_per_s_total")


def row(**changes):
    return {**dict(zip(HEADER, GOOD, strict=True)), **changes}


def table(*rows):
    return pd.DataFrame([dict(each) for each in rows], columns=list(HEADER))


MIXED = (
    row(), row(id="b", model="no such thing"), row(id="c", gpu="potato"), row(id="d", metric="joy"),
    row(id="e", n_gpus="-1"),
    row(id="f", metric="ttft_ms"), row(id="g", batch_or_concurrency=""), row(id="h", model="llama 3.1 8b", gpu="h100"),
    row(id="i", input_tokens="nan", metric="tpot_ms"), row(id="j", model="Llama-3.1-405B", gpu="L4"),
)  # fmt: skip


def test_every_row_gives_a_row_and_either_a_value_or_a_reason():
    found = predict.predict(table(*MIXED))
    assert list(found.columns) == list(predict.OUTPUT)
    assert found["id"].tolist() == list("abcdefghij")
    good = found["predicted"].notna()
    assert good.tolist() == [each in "afhi" for each in "abcdefghij"]
    assert ((found["reason"] == "") == good).all()
    assert (found.loc[good, "limit"] != "").all()
    assert (found.loc[good, "low90"] < found.loc[good, "predicted"]).all()
    assert (found.loc[good, "predicted"] < found.loc[good, "high90"]).all()
    reasons = found.set_index("id")["reason"]
    for key, word in {"b": "no such thing", "c": "potato", "d": "joy", "e": "-1", "j": "do not fit"}.items():
        assert word in reasons[key]


def test_the_order_and_the_company_of_rows_do_not_matter():
    alone = predict.predict(table(row()))
    among = predict.predict(table(*MIXED[::-1], row(id="z"), row(id="z")))
    assert (among.iloc[-1].drop("id") == alone.iloc[0].drop("id")).all()
    assert among["id"].tolist() == [*"jihgfedcba", "z", "z"]


def test_the_value_is_that_of_the_model():
    parsed = configs.parse(table(row()))
    rows = serving.Rows(parsed)
    expected = rows.predict(calibration.committed().constants(rows))[0]
    assert predict.predict(table(row()))["predicted"][0] == pytest.approx(expected, rel=1e-4)


def test_ten_thousand_mixed_rows_take_seconds():
    random = np.random.default_rng(0)
    models, gpus = ("Llama-3.1-8B", "Qwen2.5 32B", "Mixtral-8x7B"), ("A100", "H100", "MI300X", "L40S")
    many = [
        row(
            id=str(i), model=models[random.integers(3)], gpu=gpus[random.integers(4)], n_gpus="8", tp="",
            input_tokens=str(random.integers(1, 4000)), output_tokens=str(random.integers(1, 2000)),
            batch_or_concurrency=str(random.integers(1, 300)),
        )
        for i in range(10_000)
    ]  # fmt: skip
    predict.predict(table(row()))  # tables are read once
    began = time.process_time()
    found = predict.predict(table(*many))
    assert time.process_time() - began < 15
    assert len(found) == 10_000 and found["predicted"].notna().all()


@pytest.mark.parametrize("text", ("=1+1", "+cmd", "@sum", "-x", "\ttab"))
def test_an_id_that_a_spreadsheet_would_compute_is_quoted(tmp_path, text):
    assert written_id(tmp_path, text) == f"'{text}"


@pytest.mark.parametrize("text", ("-12", "+3.5", "7", "", "a=b", "é"))
def test_other_ids_stay_as_they_are(tmp_path, text):
    assert written_id(tmp_path, text) == text


def written_id(tmp_path, text):
    """The id of a row as `costlib predict` writes it."""
    rows, out = tmp_path / "rows.csv", tmp_path / "out.csv"
    table(row(id=text)).to_csv(rows, index=False)
    assert cli.main(["predict", str(rows), "-o", str(out)]) == 0
    return pd.read_csv(out, dtype=str, keep_default_na=False)["id"][0]


def csv(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "rows.csv"
    path.write_bytes(text.encode(encoding))
    return path


LINE = ",".join(HEADER) + "\n" + ",".join(GOOD) + "\n"


def test_the_command_writes_a_row_per_row(tmp_path, capsys):
    path = csv(tmp_path, LINE + ",".join(GOOD) + ",surplus\n" + ",".join(("k", *GOOD[1:5])) + "\n")
    assert cli.main(["predict", str(path), "-o", str(tmp_path / "out.csv")]) == 0
    found = pd.read_csv(tmp_path / "out.csv")
    assert found["id"].tolist() == ["a", "a", "k"]
    assert found["predicted"].notna().tolist() == [True, False, False]
    assert "more fields" in found["reason"][1]
    assert "3 rows, 2 of them with a reason" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "encoding", "said"),
    (
        ("id,model\n1,x\n", "utf-8", "no column 'gpu'"),
        ("", "utf-8", "no column 'model'"),
        ("id,model,model,gpu,metric\n", "utf-8", "names 'model' twice"),
        (LINE.replace("vLLM", "vLL\xe9"), "latin-1", "UTF-8"),
        (LINE + '"open quote\n', "utf-8", "unexpected end of data"),
    ),
)
def test_a_file_that_cannot_be_read_is_one_clear_error(tmp_path, text, encoding, said):
    path = csv(tmp_path, text, encoding)
    with pytest.raises(InputError, match=said) as caught:
        predict.predict(predict.read(path))
    assert str(path) in str(caught.value)


def test_a_missing_file_is_one_clear_error(tmp_path, capsys):
    assert cli.main(["predict", str(tmp_path / "none.csv"), "-o", str(tmp_path / "out.csv")]) == 1
    assert "none.csv cannot be read" in capsys.readouterr().err


def test_a_header_alone_gives_a_header_alone(tmp_path):
    found = predict.predict(predict.read(csv(tmp_path, LINE.partition("\n")[0] + "\n")))
    assert len(found) == 0 and list(found.columns) == list(predict.OUTPUT)


def test_the_limit_is_what_is_full_or_takes_longest():
    rows = [
        ("llama-3.1-8b", "H100 SXM", 1, "bf16", 1, "decode_tokens_per_s", "memory bandwidth (weights)"),
        ("llama-3.1-8b", "L4", 1, "bf16", 512, "output_tokens_per_s_total", "memory capacity (cache)"),
        ("llama-3.1-8b", "H100 SXM", 1, "bf16", 1, "prefill_tokens_per_s", "arithmetic (prompts)"),
    ]
    columns = ["model", "gpu", "n_gpus", "precision", "batch_or_concurrency", "metric", "limit"]
    frame = pd.DataFrame(rows, columns=columns).assign(tp=lambda each: each["n_gpus"], engine="vllm")
    frame = frame.assign(id=range(len(frame)), input_tokens=2000, output_tokens=500)
    assert predict.predict(frame.drop(columns="limit"))["limit"].to_list() == frame["limit"].to_list()
