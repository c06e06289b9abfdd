"""Private addresses that an admin opens."""

import threading

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from webapp.core.database import db, writing
from webapp.providers.private_address import PrivateAddress, open_address


def test_two_confirmations_at_the_same_moment_open_an_address_once(app: Flask) -> None:
    faults: list[SQLAlchemyError] = []
    ready = threading.Barrier(8)

    def confirm() -> None:
        try:
            with app.app_context():
                ready.wait()
                open_address(db.session, "10.0.0.7", 8000, 1)
                db.session.commit()
        except SQLAlchemyError as fault:
            faults.append(fault)

    threads = [threading.Thread(target=confirm) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    with app.app_context(), writing() as session:
        assert session.query(PrivateAddress).filter_by(host="10.0.0.7").count() == 1
