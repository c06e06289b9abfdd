"""What the demo says, in three languages."""

from dataclasses import dataclass
from typing import Final, Literal

Language = Literal["en", "vi", "zh"]

SLOW_LINES: Final = 60


@dataclass(frozen=True, slots=True)
class Texts:
    """One language. `slow_line` has a place for its number."""

    reasoning: str
    tour: str
    slow_opening: str
    slow_line: str


ENGLISH: Final = Texts(
    reasoning=(
        "The question comes to the demo, so no model thinks here. "
        "I will show what an answer can hold: emphasis, a list, code, a table and a formula. "
        "Then I will say how to connect a real provider."
    ),
    tour=r"""## Hello from the demo

This answer was written **in advance** and is streamed from your own server: no key, no network, no cost.
It shows what answers look like here.

- *Emphasis*, `inline code` and [links](https://example.com)
- Lists, also
  1. numbered
  2. and nested

> A quotation stands apart from the text around it.

Code keeps its colours and has a copy button:

```python
def greet(name: str) -> str:
    return f"Hello, {name}!"


print(greet("Jackfield"))
```

Tables scroll on a small screen:

| Model | What it does | Pace |
|---|---|---:|
| `demo-tour` | shows every element | 40/s |
| `demo-echo` | repeats your words | 60/s |
| `demo-slow` | takes its time, to try **Stop** | 4/s |

Formulas stand in the line, as $e^{i\pi} + 1 = 0$, or on their own:

$$\int_{-\infty}^{\infty} e^{-x^2}\,dx = \sqrt{\pi}$$

To talk to a real model, open **Providers**, choose one, paste its key and press *Test*.
""",
    slow_opening="This answer is slow on purpose. Reload the page, open another tab, press **Stop**: no word is lost.",
    slow_line="Line {number} arrives word by word, about four words a second.",
)

VIETNAMESE: Final = Texts(
    reasoning=(
        "Câu hỏi được gửi đến bản dùng thử, nên ở đây không có mô hình nào suy nghĩ. "
        "Tôi sẽ cho thấy một câu trả lời có thể gồm những gì: chữ nhấn mạnh, danh sách, mã nguồn, bảng và công thức. "
        "Sau đó tôi sẽ nói cách kết nối một nhà cung cấp thật."
    ),
    tour=r"""## Xin chào từ bản dùng thử

Câu trả lời này được **viết sẵn** và truyền từ chính máy chủ của bạn: không cần khoá, không cần mạng, không tốn phí.
Nó cho thấy các câu trả lời ở đây trông như thế nào.

- *Nhấn mạnh*, `mã trong dòng` và [liên kết](https://example.com)
- Danh sách, kể cả
  1. có đánh số
  2. và lồng nhau

> Một trích dẫn đứng tách khỏi phần chữ xung quanh.

Mã nguồn giữ màu sắc và có nút sao chép:

```python
def chao(ten: str) -> str:
    return f"Xin chào, {ten}!"


print(chao("Jackfield"))
```

Bảng có thể cuộn ngang trên màn hình nhỏ:

| Mô hình | Công dụng | Tốc độ |
|---|---|---:|
| `demo-tour` | giới thiệu mọi thành phần | 40/giây |
| `demo-echo` | lặp lại lời của bạn | 60/giây |
| `demo-slow` | trả lời chậm, để thử nút **Dừng** | 4/giây |

Công thức nằm trong dòng, như $e^{i\pi} + 1 = 0$, hoặc đứng riêng:

$$\int_{-\infty}^{\infty} e^{-x^2}\,dx = \sqrt{\pi}$$

Để trò chuyện với một mô hình thật, hãy mở **Nhà cung cấp**, chọn một nơi, dán khoá và bấm *Kiểm tra*.
""",
    slow_opening="Câu trả lời này cố ý chậm. Hãy tải lại trang, mở thẻ thứ hai hoặc bấm **Dừng**: không mất chữ nào.",
    slow_line="Dòng thứ {number} hiện ra từng chữ một, khoảng bốn chữ mỗi giây.",
)

CHINESE: Final = Texts(
    reasoning=(
        "这个问题发给了演示服务，所以这里没有模型在思考。"
        "我会展示回答里可以有什么：强调、列表、代码、表格和公式。"
        "然后说明怎样连接真正的服务商。"
    ),
    tour=r"""## 来自演示的问候

这段回答是**预先写好**的，由你自己的服务器逐字发送：不需要密钥，不需要网络，也没有费用。
它展示这里的回答是什么样子。

- *强调*、`行内代码`和[链接](https://example.com)
- 列表，也可以
  1. 编号
  2. 嵌套

> 引文与周围的文字分开显示。

代码带有颜色和复制按钮：

```python
def greet(name: str) -> str:
    return f"你好，{name}！"


print(greet("Jackfield"))
```

表格在小屏幕上可以横向滚动：

| 模型 | 用途 | 速度 |
|---|---|---:|
| `demo-tour` | 展示所有元素 | 每秒 40 |
| `demo-echo` | 重复你的话 | 每秒 60 |
| `demo-slow` | 慢慢回答，适合试用**停止** | 每秒 4 |

公式可以在行内，如 $e^{i\pi} + 1 = 0$，也可以单独成行：

$$\int_{-\infty}^{\infty} e^{-x^2}\,dx = \sqrt{\pi}$$

要与真正的模型对话，请打开**服务商**，选择一个，粘贴密钥，然后按*测试*。
""",
    slow_opening="这段回答故意放慢。请重新加载页面、打开第二个标签页，或者按**停止**：什么都不会丢失。",
    slow_line="第 {number} 行一点一点地出现，大约每秒四个片段。",
)

TEXTS: Final[dict[Language, Texts]] = {"en": ENGLISH, "vi": VIETNAMESE, "zh": CHINESE}
