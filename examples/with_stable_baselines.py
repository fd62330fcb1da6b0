"""An agent of Stable-Baselines3 that balances a pole; its training is counted in timesteps.

tune-jobs run examples/with_stable_baselines.py
"""

import gymnasium
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy

from tune_jobs import Float, Int, TuneJob, main, report, restored

STEPS = 512  # of the environment, between two reports


def built(config):
    return PPO(
        "MlpPolicy",
        gymnasium.make("CartPole-v1"),
        learning_rate=config.lr,
        gamma=1 - config.discount,
        n_epochs=config.passes,
        n_steps=STEPS,
        seed=config.seed,
        device="cpu",
    )


def train(config):
    agent = built(config)
    if state := restored():
        agent.set_parameters(state["parameters"])
        agent.num_timesteps = state["steps"]
    while agent.num_timesteps < config.max_epochs:
        # The state of the environment is in no checkpoint, so every part begins with a new game.
        agent.env.seed(config.seed + agent.num_timesteps)
        agent.set_env(agent.env)
        agent.learn(STEPS, reset_num_timesteps=False)
        agent.env.seed(config.seed)
        reward, _ = evaluate_policy(agent, agent.env, n_eval_episodes=5)
        state = {"parameters": agent.get_parameters(), "steps": agent.num_timesteps}
        report({"reward": reward}, state=state, step=agent.num_timesteps)


job = TuneJob(
    name="with_stable_baselines",
    model=train,
    space={
        "lr": Float(1e-4, 1e-2, log=True),
        "discount": Float(0.001, 0.1, log=True),
        "passes": Int(2, 20, log=True),
    },
    metric="reward",
    mode="max",
    time_attr="step",
    max_epochs=20_000,
    scheduler_options={"grace_period": 2_000},
    num_samples=20,
)

if __name__ == "__main__":
    main(job)
