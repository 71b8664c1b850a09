"""SQLAlchemy over psycopg2: tables from metadata, the ORM, reflection."""
import sys
from urllib.parse import quote

from sqlalchemy import Column, ForeignKey, Integer, String, create_engine, inspect, select
from sqlalchemy.orm import Session, declarative_base, relationship

host, port, user, password, database = sys.argv[1:6]
engine = create_engine(f"postgresql+psycopg2://{user}:{quote(password)}@{host}:{port}/{database}", future=True)
Base = declarative_base()


class Parent(Base):
    __tablename__ = "c_sqlalchemy"
    id = Column(Integer, primary_key=True)
    name = Column(String(50), nullable=False, unique=True)
    children = relationship("Child", back_populates="parent")


class Child(Base):
    __tablename__ = "c_sqlalchemy_2"
    id = Column(Integer, primary_key=True)
    parent_id = Column(ForeignKey("c_sqlalchemy.id"))
    parent = relationship("Parent", back_populates="children")


Base.metadata.create_all(engine)
with Session(engine) as session:
    session.add(Parent(name="a", children=[Child(), Child()]))
    session.commit()
    parent = session.execute(select(Parent).where(Parent.name == "a")).scalar_one()
    assert len(parent.children) == 2
    session.delete(parent.children[0])
    session.rollback()
inspector = inspect(engine)
assert {"c_sqlalchemy", "c_sqlalchemy_2"} <= set(inspector.get_table_names())
assert [column["name"] for column in inspector.get_columns("c_sqlalchemy")] == ["id", "name"]
assert inspector.get_foreign_keys("c_sqlalchemy_2")[0]["referred_table"] == "c_sqlalchemy"
print("create_all; ORM; relations; reflection")
